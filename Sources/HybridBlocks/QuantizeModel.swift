internal import Foundation
public import InferCore

/// What quantising a model made of it.
public struct QuantizationResult: Sendable {
  /// Bytes of the weights before.
  public let bytesBefore: Int
  /// Share of each weight format after.
  public let formats: [FormatShare]

  /// Bytes of the weights after.
  public var bytesAfter: Int { formats.reduce(0) { $0 + $1.byteCount } }
}

/// Writes a model with quantised weights to one GGUF file, which carries its configuration, tokenizer and chat template
/// as well, and which ``loadModel(at:options:)`` maps. A model of that file computes exactly what the same model
/// computes when it is quantised while it is loaded.
///
/// A tensor at a time is in memory, and the file has its name only once it is whole.
///
/// - Parameters:
///   - path: the model's folder or file.
///   - output: the file to write; one of that name is replaced.
///   - quantization: the formats to quantise to.
///   - options: how the model is read; ``LoadOptions/progress`` is told of what is written.
/// - Throws: `ModelError` when the model cannot be read, or the file not be written.
public func quantizeModel(
  at path: String, to output: String, _ quantization: Quantization, options: LoadOptions = LoadOptions()
) throws(ModelError) -> QuantizationResult {
  var survey = options
  survey.quantization = quantization
  survey.readsMatrices = false
  survey.progress = nil
  let source = try ModelSource(path: path)
  let read = try ReadModel(source, survey)
  let tensors = read.weights.loaded.sorted { $0.tensor.isBefore($1.tensor) }
  let writer = try GGUFWriter(
    path: output, metadata: metadata(of: source, family: read.family, options),
    tensors: tensors.map { GGUFWriter.Tensor(name: $0.tensor.name, shape: $0.tensor.shape, format: $0.format) })
  do { try write(tensors, with: writer, options) } catch {
    writer.abandon()
    throw error
  }
  return QuantizationResult(
    bytesBefore: tensors.reduce(0) { $0 + $1.tensor.byteCount }, formats: FormatShare.shares(of: tensors))
}

private func write(_ tensors: [LoadedTensor], with writer: GGUFWriter, _ options: LoadOptions) throws(ModelError) {
  let team = ThreadTeam(count: options.threads)
  let bytesTotal = tensors.reduce(0) { $0 + $1.tensor.byteCount }
  var bytesDone = 0
  for target in tensors {
    try writer.write(target.tensor.matrix(in: target.format, team: team))
    target.tensor.releasePages()
    bytesDone += target.tensor.byteCount
    options.progress?(LoadProgress(bytesDone: bytesDone, bytesTotal: bytesTotal))
  }
  try writer.finish()
}

/// What the file tells about itself, and the small files of the model, each as it is.
private func metadata(
  of source: ModelSource, family: String, _ options: LoadOptions
) throws(ModelError) -> [(key: String, value: GGUFValue)] {
  var metadata: [(key: String, value: GGUFValue)] = [
    ("general.architecture", .string(family)), ("general.name", .string(source.name)),
    ("general.quantization_version", .unsigned(2)),
  ]
  for name in ModelFiles.names {
    var text = try source.files.text(name)
    if name == "config.json", let file = options.configuration { text = try JSONValue(file: file.path).serialized() }
    if let text { metadata.append((ModelFiles.metadataPrefix + name, .string(text))) }
  }
  return metadata + source.vocabularyMetadata
}
