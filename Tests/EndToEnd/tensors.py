"""Files of safetensors as NumPy arrays, which have no bfloat16: such tensors are read as 32-bit floats."""
import json

import numpy as np


def tensors(path):
    """The tensors of a file of bfloat16 or 32-bit floats, by name."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        part = data[start + first:start + last]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(part, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(part, "<f4")
        found[name] = values.reshape(entry["shape"])
    return found
