package import Foundation
package import InferCore

/// A model that is read to find out which columns of its matrices matter.
package struct ModelCalibration {
  /// The model.
  package let loaded: LoadedModel
  /// The sums, which a runner's report is to be given.
  package let inputs: InputSums
  private let names: FileNames

  /// Loads a model whose products keep the sums of their inputs.
  ///
  /// - Throws: `ModelError` as `loadModel` does.
  package init(at url: URL, options: LoadOptions = LoadOptions()) throws(ModelError) {
    inputs = InputSums()
    var options = options
    options.inputs = inputs
    let source = try ModelSource(url)
    let read = try ReadModel(source, options)
    names = FileNames(read.family)
    loaded = try LoadedModel(source, read, options)
  }

  /// The sums so far, under the names that llama.cpp has for tensors.
  package var importance: ImportanceMatrix {
    var matrix = ImportanceMatrix()
    matrix.entries = names.entries(inputs.tensors)
    return matrix
  }
}
