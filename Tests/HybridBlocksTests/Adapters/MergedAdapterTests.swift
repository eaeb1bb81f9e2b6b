import Foundation
import InferText
import TestSupport
import Testing

@testable import HybridBlocks
@testable import InferCore

/// Models with adapters in their weights, against what peft computes.
@Suite struct MergedAdapterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: AdapterFixture.all) func logitsAreThoseOfPeft(_ fixture: AdapterFixture) throws {
    var options = LoadOptions()
    options.mergedAdapters = [fixture.adapter]
    let tokens = try fixture.tokens()
    let (plain, merged) = try (loadModel(at: fixture.base), loadModel(at: fixture.base, options: options))
    let plainDistance = try distance(plain.model.logits(of: tokens), fixture.logits(isPlain: true))
    let mergedDistance = try distance(merged.model.logits(of: tokens), fixture.logits())
    #expect(plainDistance <= 1e-3, "\(plainDistance)")
    #expect(mergedDistance <= 1e-3, "\(mergedDistance)")
    #expect(plain.model.fingerprint != merged.model.fingerprint)
  }

  /// An adapter of llama.cpp's file adds what it adds as peft has it, to a model in either form, and so does one of
  /// peft's.
  @Test func formsOfFilesAreAlike() throws {
    let fixture = AdapterFixture.all[0]
    let file = AdapterFixture.folder.appending(path: "llama_a.gguf")
    let model = folder.url.appending(path: "base.gguf")
    let result = try quantizeModel(at: fixture.base, to: model, #require(Quantization(named: "F32")))
    #expect(result.form.isLlamaCpp)
    for base in [fixture.base, model] {
      for adapter in [fixture.folder, file] {
        var options = LoadOptions()
        options.mergedAdapters = [Adapter(at: adapter)]
        let logits = try loadModel(at: base, options: options).model.logits(of: fixture.tokens())
        #expect(
          try distance(logits, fixture.logits()) <= 1e-3, "\(adapter.lastPathComponent) \(base.lastPathComponent)")
      }
    }
  }

  /// A file that adapters are merged into is the model with all of them, and of adapters that cancel each other out
  /// nothing is left.
  @Test func filesHaveWhatIsAdded() throws {
    let (a, b) = (AdapterFixture.all[0], AdapterFixture.all[1])
    let output = folder.url.appending(path: "model.gguf")
    let format = try #require(Quantization(named: "F32"))
    var options = LoadOptions()
    options.mergedAdapters = [a.adapter, b.adapter, Adapter(at: b.folder, scale: -1)]
    _ = try quantizeModel(at: a.base, to: output, format, options: options)
    #expect(try distance(loadModel(at: output).model.logits(of: a.tokens()), a.logits()) <= 1e-3)
    options.mergedAdapters = [Adapter(at: a.folder, scale: -1)]
    let logits = try loadModel(at: output, options: options).model.logits(of: a.tokens())
    #expect(try distance(logits, a.logits(isPlain: true)) <= 1e-3)
  }
}
