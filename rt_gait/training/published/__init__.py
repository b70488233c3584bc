"""Published gait networks, so that checkpoints trained with OpenGait can be imported.

The networks are written anew from their papers. Their parameters carry the names and shapes that
OpenGait gives them, because a checkpoint knows its tensors by name only.
"""
