// One import is all that a program needs: what the engine, its models and its texts are made of comes with the library.
@_exported public import HybridBlocks
@_exported public import InferCore
@_exported public import InferText
