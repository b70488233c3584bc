"""Pictures in, pictures out: video files, image folders, cameras, and the annotated MP4.

Nothing heavy is imported here: :func:`rt_gait.video.source.open_source` loads PyAV or OpenCV only
when a source needs it. No module of this package starts a thread; the runner does.
"""
