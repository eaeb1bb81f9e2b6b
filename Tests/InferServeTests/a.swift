import InferCore
