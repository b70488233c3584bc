"""The model repository: one folder per model, read by rt-gait and by Triton alike."""
