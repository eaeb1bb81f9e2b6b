public import InferCore
