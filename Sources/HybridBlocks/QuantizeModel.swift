public import Foundation
public import InferCore
import InferText

/// The result of quantising a model.
public struct QuantizationResult: Sendable {
  /// The programs that read the file.
  public enum Form: Sendable, Equatable {
    /// llama.cpp as well, as a model of this architecture.
    case llamaCpp(architecture: String)
    /// This project alone, for a reason in a few words.
    case own(reason: String)

    /// Whether llama.cpp reads it.
    public var isLlamaCpp: Bool {
      if case .llamaCpp = self { true } else { false }
    }
  }

  /// Bytes of the weights before.
  public let bytesBefore: Int
  /// Share of each weight format after.
  public let formats: [FormatShare]
  /// The programs that read the file.
  public let form: Form
  /// Remarks about the file, for people.
  public let remarks: [String]

  /// Bytes of the weights after.
  public var bytesAfter: Int { formats.reduce(0) { $0 + $1.byteCount } }
}

/// Writes a model with quantised weights to one GGUF file, which carries its configuration, tokenizer and chat template
/// as well, and which ``loadModel(at:options:)`` maps. A model of that file computes exactly what the same model
/// computes when it is quantised while it is loaded, but for factors that such files have in the weights (Falcon-H1).
///
/// The file is one that llama.cpp reads too, where that has the model's architecture and all that the model makes use of;
/// see ``QuantizationResult/form-swift.property``.
///
/// A file may hold the matrices in panels, as the instruction set of the machine that writes it multiplies with them. A machine
/// of the same set maps such a file and uses it in place, so that it loads in the time that listing its tensors takes and
/// processes share its memory; another turns the panels while it loads them. No other program reads it, and it is not
/// quantised again.
///
/// A matrix at a time is in memory, and the file has its name only once it is whole.
///
/// - Parameters:
///   - url: the model's folder or file.
///   - output: the file to write; one of that name is replaced.
///   - quantization: the formats to quantise to.
///   - inPanels: `true` for matrices in panels.
///   - options: options of reading the model; ``LoadOptions/progress`` is called with the progress of writing.
/// - Throws: `ModelError` when the model cannot be read, or the file not be written.
public func quantizeModel(
  at url: URL, to output: URL, _ quantization: Quantization, inPanels: Bool = false,
  options: LoadOptions = LoadOptions()
) throws(ModelError) -> QuantizationResult {
  if quantization.needsImportance, quantization.importance == nil { throw quantization.lackOfImportance }
  var survey = options
  survey.quantization = quantization
  survey.readsMatrices = false
  survey.progress = nil
  let source = try ModelSource(url)
  let read = try ReadModel(source, survey)
  let loaded = read.weights.loaded
  if let packed = loaded.first(where: { $0.tensor.panels != nil })?.tensor {
    throw .tensor(name: packed.name, reason: "is \(packed.type) already; expected the model that the file was made of")
  }
  let file = try ModelFile(source, read, quantization, inPanels: inPanels, options)
  let writer = try GGUFWriter(
    at: output, metadata: file.metadata + (quantization.importance?.remarks ?? []),
    tensors: file.tensors.map { tensor in
      tensor.panels.map { GGUFWriter.Tensor(name: tensor.name, shape: tensor.shape, panels: $0) }
        ?? GGUFWriter.Tensor(name: tensor.name, shape: tensor.shape, format: tensor.format)
    })
  try write(file.tensors, with: writer, read.importance, options)
  return QuantizationResult(
    bytesBefore: loaded.reduce(0) { $0 + $1.tensor.byteCount }, formats: FormatShare.shares(of: loaded),
    form: file.form, remarks: file.remarks)
}

private func write(
  _ tensors: [FileTensor], with writer: GGUFWriter, _ importance: TextDictionary<ColumnImportance>,
  _ options: LoadOptions
) throws(ModelError) {
  let team = try ThreadTeam(count: options.threads)
  let bytesTotal = tensors.reduce(0) { $0 + $1.sourceBytes }
  var bytesDone = 0
  for tensor in tensors {
    for (index, part) in tensor.parts.enumerated() {
      var importance = importance[part.name]
      // Parts may be the matrices of a stack.
      if let all = importance, all.count > 1, all.count == tensor.parts.count { importance = all.only(index) }
      if options.isCancelled?() ?? false { throw .cancelled }
      if tensor.panels == nil {
        try writer.write(part.matrix(in: tensor.format, importance: importance, team: team))
      } else {
        try part.withEachPacked(as: tensor.format, importance: importance, team: team) {
          matrix throws(ModelError) in try writer.write(matrix)
        }
      }
      part.releasePages()
    }
    bytesDone += tensor.sourceBytes
    options.progress?(LoadProgress(bytesDone: bytesDone, bytesTotal: bytesTotal))
  }
  try writer.finish()
}

extension Quantization {
  /// The error of quantising without an importance matrix to a format that needs one.
  fileprivate var lackOfImportance: ModelError {
    .unsuitable(
      "\((format.needsImportance ? format : headFormat).name) needs an importance matrix, which `infer-serve imatrix` makes "
        + "of a model and a text")
  }
}

extension ImportanceMatrix {
  /// The metadata in which files of `llama-quantize` name the matrix that they were made with.
  fileprivate var remarks: [(key: String, value: GGUFValue)] {
    let texts = datasets.first.map { [("quantize.imatrix.dataset", GGUFValue.string($0))] } ?? []
    return texts + [
      ("quantize.imatrix.entries_count", .count(count)), ("quantize.imatrix.chunks_count", .count(chunkCount)),
    ]
  }
}
