"""Recipe of the default person segmenter `person_seg`, from photographs to ONNX.

`python -m rt_gait.training.segmenter prepare | train | export | evaluate | render` runs it end to
end; `evaluate` and `render` need only numpy, OpenCV and ONNX Runtime. `docs/person_seg.md` holds
the measured figures.
"""
