import InferCore
import InferText

/// Reading with the error of whoever loads a model.
extension ModelFiles {
  /// A JSON file, or `nil` where there is none.
  ///
  /// - Throws: `ModelError` when it cannot be read or parsed.
  func document(_ name: String) throws(ModelError) -> JSONValue? {
    do { return try json(name) } catch { throw ModelError(error) }
  }

  /// The text of a file, or `nil` where there is none.
  ///
  /// - Throws: `ModelError` when it cannot be read or is no UTF-8 text.
  func contents(_ name: String) throws(ModelError) -> String? {
    do { return try text(name) } catch { throw ModelError(error) }
  }
}
