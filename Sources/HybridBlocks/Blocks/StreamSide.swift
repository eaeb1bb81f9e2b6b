public import InferCore

/// Columns beside the residual stream: what blocks see of a token beside what layers have made of it. They leave them as they
/// are, but for a block that fills them for those behind it.
public protocol StreamSide: Sendable {
  /// The number of columns.
  var columns: Int { get }

  /// Fills the columns of every row of the step.
  ///
  /// - Parameters:
  ///   - out: `[step rows × columns]`.
  ///   - embedded: the embedded tokens, `[step rows × width]`.
  ///   - step: the step.
  func fill(_ out: inout MutableRows, embedded: Rows, _ step: borrowing Step)
}

/// Each token's embedding (Zamba).
public struct EmbeddingSide: StreamSide {
  /// The width of the residual stream.
  public let columns: Int

  /// The embedding, as wide as the stream.
  public init(width: Int) { columns = width }

  /// Copies the embedded tokens.
  public func fill(_ out: inout MutableRows, embedded: Rows, _ step: borrowing Step) {
    assign(embedded, scale: 1, to: &out, step)
  }
}

/// An input of each layer of its own (per-layer embeddings of Gemma 3n and 4): for each layer a row of a second embedding, and
/// a map of the first with a norm, added up.
public struct PerLayerInputs: StreamSide {
  let layers: Int
  /// The width of a layer's input.
  let width: Int
  /// `[vocabulary × layers · width]`.
  let embedding: any RowTable
  let projection: Linear
  /// Of each layer's input; its weights hold the factor on the sum.
  let norm: RMSNorm
  /// Factors on embedding and projection.
  let scales: (embedding: Float, projection: Float)

  /// Reads `embed_tokens_per_layer`, `[vocabulary × layers · width]`, `per_layer_model_projection`,
  /// `[layers · width × stream]`, and `per_layer_projection_norm`, `[width]`.
  init(
    _ weights: WeightScope, stream: Int, layers: Int, width: Int, vocabularySize: Int, epsilon: Float
  ) throws(ModelError) {
    self.layers = layers
    self.width = width
    embedding = try weights["embed_tokens_per_layer"].table(
      "weight", rows: vocabularySize, columns: layers * width, role: .embedding)
    projection = try Linear(weights["per_layer_model_projection"], input: stream, output: layers * width)
    let half = Float(0.5).squareRoot()
    norm = try RMSNorm(weights["per_layer_projection_norm"], width: width, epsilon: epsilon).scaled(by: half)
    scales = (embedding: Float(width).squareRoot() * half, projection: 1 / Float(stream).squareRoot())
  }

  /// All layers' inputs.
  public var columns: Int { layers * width }

  /// Computes the inputs of all layers.
  public func fill(_ out: inout MutableRows, embedded: Rows, _ step: borrowing Step) {
    projection.apply(embedded, into: &out, step)
    scale(&out, by: scales.projection, step)
    norm.applyToHeads(of: &out, step)
    var rows = step.take(rows: out.count, columns: columns)
    // Tokens of images and sounds have none.
    gatherRows(of: embedding, step.plan.tokens, or: 0, scale: scales.embedding, into: &rows, step)
    add(rows.rows, to: &out, step)
  }
}
