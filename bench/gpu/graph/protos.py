"""TensorFlow's protocol buffers, from whichever package has them: tensorboard on a GPU machine, or TensorFlow itself."""

from __future__ import annotations

try:
    from tensorboard.compat.proto import graph_pb2, node_def_pb2, tensor_pb2
except ImportError:
    from tensorflow.core.framework import graph_pb2, node_def_pb2, tensor_pb2

__all__ = ["graph_pb2", "node_def_pb2", "tensor_pb2"]
