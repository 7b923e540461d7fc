"""CPU runtime: OpenVINO computes the functions of trained networks, with the results of PyTorch.

OpenVINO fuses and reorders the layers of a network for the processor, which makes the same float32 network
up to three times as fast. PyTorch stays for GPUs, gradients and training, and where OpenVINO is missing.
"""

from shared.core.cpu_runtime.functions import CompiledFunction, compiled, is_available

__all__ = ["CompiledFunction", "compiled", "is_available"]
