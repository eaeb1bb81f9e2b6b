import Foundation
import HybridBlocks
import InferCore
import InferKit
import InferText

/// The facts of a model that are known before it is loaded.
struct ModelReading {
  var weightBytes: Int
  var parameterCount: Int
  var activeParameterCount: Int
  /// Bytes of attention keys and values of a token, and of recurrent state and of windows of a sequence.
  var cacheBytesPerToken: Int
  var stateBytesPerSequence: Int
  var contextLength: Int

  init(_ model: LoadedModel) {
    weightBytes = model.summary.weightBytes
    parameterCount = model.summary.parameterCount
    activeParameterCount = model.summary.activeParameterCount
    cacheBytesPerToken = model.summary.cacheBytesPerToken
    stateBytesPerSequence = model.summary.stateBytesPerSequence + model.summary.windowBytesPerSequence
    contextLength = model.model.contextLength
  }
}

/// The checks of a model's files.
enum ModelChecks {
  /// The findings.
  ///
  /// - Parameters:
  ///   - url: The model's folder or file.
  ///   - context: Tokens that one sequence is to have; `nil` for as many as the model is made for.
  ///   - load: Reads what the files say of the model, without its weights.
  static func findings(
    _ url: URL, context: Int?, on machine: MachineReading, load: () throws -> LoadedModel
  ) -> [Finding] {
    let files: Finding
    do { files = try self.files(url) } catch {
      return [
        Finding(
          .fail, "files", "\(error)", why: "without them there is no model",
          advice: "download it again, all its files, and look at who may read them (ls -l \(url.path))")
      ]
    }
    let model: LoadedModel
    do { model = try load() } catch {
      return [
        files,
        Finding(
          .fail, "model", "\(error)", why: "infer-serve cannot load it",
          advice:
            "infer-serve inspect --model \(url.path) tells more; the documentation lists the families that there are"),
      ]
    }
    let summary = model.summary
    let description = Finding(
      .ok, "model",
      "\(summary.family), \(Quantity.count(summary.parameterCount)) parameters, \(model.model.contextLength) tokens")
    let warnings = summary.warnings.map {
      Finding(
        .warn, "model", $0, why: "the files say something that is not understood",
        advice: "infer-serve inspect --model \(url.path)")
    }
    let reading = ModelReading(model)
    return [files, description] + warnings
      + [memory(reading, context: context, on: machine), speed(reading, on: machine)].compactMap(\.self)
      + [tokenizer(model), template(model)]
  }

  private static func files(_ url: URL) throws -> Finding {
    let checkpoint = try ModelSource(url).checkpoint()
    let bytes = checkpoint.tensors.values.reduce(0) { $0 + $1.byteCount }
    let count = checkpoint.fileCount
    return Finding(
      .ok, "files", "\(count) of weights, complete: \(checkpoint.tensors.count) tensors, \(Quantity.mebibytes(bytes))")
  }

  /// Whether weights and one sequence fit.
  static func memory(_ model: ModelReading, context: Int?, on machine: MachineReading) -> Finding {
    let context = min(context ?? model.contextLength, model.contextLength)
    let (cache, overflow) = model.cacheBytesPerToken.multipliedReportingOverflow(by: context)
    let state = (overflow ? .max / 8 : min(cache, .max / 8)) + min(model.stateBytesPerSequence, .max / 8)
    // For activations, tables and the program itself.
    let margin = 512 << 20
    let needed = min(model.weightBytes, .max / 4) + min(state, .max / 4) + margin
    let found =
      "weights \(Quantity.mebibytes(model.weightBytes)), state of \(context) tokens \(Quantity.mebibytes(state)), "
      + "of \(Quantity.mebibytes(machine.usableMemory))"
    let smaller = "--quantize Q4_K_M, a smaller --max-context, --kv-type q8_0, or more memory"
    guard needed <= machine.usableMemory else {
      return Finding(.fail, "fits", found, why: "the model and one sequence do not fit the memory", advice: smaller)
    }
    guard needed <= machine.availableMemory else {
      return Finding(
        .warn, "fits", "\(found), \(Quantity.mebibytes(machine.availableMemory)) of it free",
        why: "they fit only when other programs give memory back", advice: "end what else uses it, or \(smaller)")
    }
    return Finding(.ok, "fits", found)
  }

  /// The tokens a second that memory can give.
  static func speed(_ model: ModelReading, on machine: MachineReading) -> Finding? {
    guard let bandwidth = machine.bandwidth, model.parameterCount > 0, model.weightBytes > 0 else { return nil }
    let share = Double(model.activeParameterCount) / Double(model.parameterCount)
    let rate = bandwidth / (Double(model.weightBytes) * share)
    let found = String(format: "at most %.1f tokens a second of one answer, as memory is read", rate)
    guard rate < 2 else { return Finding(.ok, "speed", found) }
    return Finding(
      .warn, "speed", found, why: "every token reads the weights that it passes through",
      advice: "--quantize Q4_K_M, or a model with fewer active parameters")
  }

  private static func tokenizer(_ model: LoadedModel) -> Finding {
    guard let tokenizer = model.tokenizer else {
      return Finding(
        .fail, "tokenizer", "none", why: "serving takes and gives text",
        advice: "put tokenizer.json beside the weights; generate --tokens works without")
    }
    let sample = "What is 47 + 85? 雞兔同籠"
    do {
      let ids = try tokenizer.encode(sample)
      let found = "\(tokenizer.vocabularySize) tokens"
      guard tokenizer.decode(ids) == sample else {
        return Finding(
          .ok, "tokenizer", "\(found), which do not give every text back as it was",
          why: "some lack signs or add spaces")
      }
      return Finding(.ok, "tokenizer", found)
    } catch {
      return Finding(
        .fail, "tokenizer", "\(error)", why: "no prompt can be read", advice: "download tokenizer.json again")
    }
  }

  private static func template(_ model: LoadedModel) -> Finding {
    guard let template = model.chatTemplate else {
      return Finding(
        .warn, "template", "none", why: "chats are refused, and completions alone are answered",
        advice: "--chat-template FILE gives one")
    }
    do {
      let messages: JSONValue = [["role": "user", "content": "Hello"]]
      _ = try template.prompt(messages: messages, variables: [:])
      return Finding(.ok, "template", "renders a message")
    } catch {
      return Finding(
        .fail, "template", "\(error)", why: "chats are refused", advice: "--chat-template FILE gives another")
    }
  }
}
