import Foundation
import InferKit
import TestSupport

/// The bundled model.
enum TinyModel {
  static let folder = Fixtures.tinyModel

  /// An engine for the bundled model, with one thread.
  static func engine() async throws -> Engine { try engine(await Model.load(at: folder)) }

  static func engine(_ model: Model) throws -> Engine {
    var configuration = EngineConfiguration()
    configuration.threads = 1
    return try Engine(model, configuration: configuration)
  }

  static var greedy: ChatOptions {
    var options = ChatOptions()
    options.sampling = .greedy
    return options
  }
}

/// A model that writes given answers, one for each prompt, in tokens of an earlier vocabulary of the bundled model.
struct ScriptedModel: LanguageModel {
  let vocabularySize: Int
  let contextLength = 4096
  let stateLayout: StateLayout
  private let script: Script

  /// The answers, and the place in them.
  private final class Script: Sendable {
    private let place = Monitor((answer: -1, token: 0))
    let answers: [[Int32]]

    init(_ answers: [[Int32]]) { self.answers = answers }

    /// The token behind others: the next of an answer that they go on with, or the first of the next answer.
    func next(behind tokens: ArraySlice<Int32>) -> Int32 {
      place.withLock { place in
        let isAnswer = place.answer >= 0 && answers[place.answer][place.token...].starts(with: tokens)
        place = isAnswer ? (place.answer, place.token + tokens.count) : (place.answer + 1, 0)
        return answers[place.answer][place.token]
      }
    }
  }

  private init(_ answers: [[Int32]], vocabularySize: Int) {
    script = Script(answers)
    self.vocabularySize = vocabularySize
    var layout = StateLayout()
    _ = layout.add(.recurrent(count: 1))
    stateLayout = layout
  }

  func forward(_ step: borrowing Step, logits: inout MutableRows) {
    var row = 0
    for run in step.plan.runs {
      for _ in run.logits {
        let token = script.next(behind: step.plan.tokens[run.tokens])
        var values = logits.row(row)
        for column in values.indices { values[column] = column == Int(token) ? 1 : 0 }
        row += 1
      }
    }
  }

  /// An engine whose model writes these answers, with a template that takes tools and shows calls as Hermes writes them.
  static func engine(_ answers: [String]) async throws -> Engine {
    let folder = try TemporaryFolder()
    for name in ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"] {
      // Of few tokens, so that what is forced is cut as the answers are.
      let source = name == "tokenizer.json" ? Fixtures.folder.appending(path: "text/tokenizers/tiny") : TinyModel.folder
      try FileManager.default.createSymbolicLink(
        at: folder.url.appending(path: name), withDestinationURL: source.appending(path: name))
    }
    var model = try await Model.load(at: folder.url)
    guard let tokenizer = model.tokenizer, let end = model.generation.endTokens.first else {
      throw ModelError.unsuitable("no tokenizer")
    }
    let tokens = try answers.map { try tokenizer.encode($0) + [end] }
    model.model = ScriptedModel(tokens, vocabularySize: model.model.vocabularySize)
    model.chatTemplate = try ChatTemplate(source: Self.template)
    return try TinyModel.engine(model)
  }

  private static let template = """
    {% if tools %}{{ tools | tojson }}{% endif %}
    {%- for message in messages %}[{{ message.role }}] {{ message.content }}
    {%- for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}
    {% endfor %}[assistant]
    """
}
