public import Foundation

/// A model that is loaded: weights, tokenizer, chat template, and the recommendations of its makers.
public typealias Model = LoadedModel

extension LoadedModel {
  /// Loads a model: a folder as Hugging Face lays it out, or a GGUF file.
  ///
  /// It is read and packed on a thread of its own. When the task is cancelled, loading ends within about a megabyte, and
  /// what was read is given back.
  ///
  /// - Parameters:
  ///   - url: The folder or the file.
  ///   - options: The threads to use, the format to quantise to, and more.
  ///   - progress: A closure that is called after each tensor with the bytes that are read and those of all, on the
  ///     thread that loads.
  /// - Throws: `ModelError` that names the file, the key or the tensor; `CancellationError`.
  public static func load(
    at url: URL, options: LoadOptions = LoadOptions(), progress: (@Sendable (LoadProgress) -> Void)? = nil
  ) async throws -> Model {
    var options = options
    options.progress = progress ?? options.progress
    let cancellation = Monitor(false)
    let isCancelledElsewhere = options.isCancelled
    options.isCancelled = { cancellation.withLock { $0 } || isCancelledElsewhere?() ?? false }
    let result: Result<Model, any Error> = await withTaskCancellationHandler {
      await withCheckedContinuation { [options] continuation in
        let thread = Thread {
          continuation.resume(returning: Result { try loadModel(at: url, options: options) })
        }
        thread.name = "infer-load"
        thread.start()
      }
    } onCancel: {
      cancellation.withLock { $0 = true }
    }
    do { return try result.get() } catch ModelError.cancelled { throw CancellationError() }
  }
}
