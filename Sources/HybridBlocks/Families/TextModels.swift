internal import InferCore

// Text models inside those that see images as well.

extension StoredPrefix {
  /// The beginnings that names of text models have had inside others.
  static let ofTextModels = [
    StoredPrefix("model.", stored: "language_model.model."), StoredPrefix("model.", stored: "model.language_model."),
    StoredPrefix("lm_head.", stored: "language_model.lm_head."),
  ]
}

extension WeightScope {
  /// Leaves the part out that sees images: everything whose name begins with one of `parts`, within the model or beside it.
  func discardSight(_ parts: String...) {
    for part in parts {
      for path in ["", "model."] { discard(path + part, remark: "the model sees text only, no images") }
    }
  }
}
