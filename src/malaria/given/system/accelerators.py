"""Accelerators are for training: what only grades leaves them alone.

Their float32 is another one (TF32), and the first process that looks at a card takes its memory.
"""

import os
import sys

# Read by TensorFlow when it first looks for devices: CUDA's, and ROCm's under its own two names.
HIDDEN = dict.fromkeys(
    ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"), "-1"
)


def hide_accelerators():
    """Let this process, and those that it starts, use the CPU only.

    Call it before TensorFlow has run anything.
    """
    os.environ.update(HIDDEN)


def hide_plugged_accelerators():
    """Hide also what no variable hides, such as a Mac's; needs TensorFlow, which may not fork."""
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].config.set_visible_devices([], "GPU")
