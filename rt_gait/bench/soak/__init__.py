"""A long live run, watched for whatever grows."""
