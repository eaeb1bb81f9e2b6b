public import ArgumentParser
import HybridBlocks
public import InferCore

/// The names of a served model, and how it treats requests that say nothing else.
struct ServedModelOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Names that requests may call the model by (default: its folder or file): the first stands in responses, the "
        + "others are aliases. Commas separate them too, and the option may be given several times.",
      valueName: "name"))
  var servedModelName: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      Prompts that leave no room for an answer in the context: 'error' refuses them; 'shift' leaves out a conversation's \
      oldest turns, or a text's oldest tokens, and says so. A request may have its own 'overflow'. An answer that comes \
      to the context's end ends there either way, with finish_reason 'length'.
      """, valueName: "policy"))
  var overflow = Overflow.error

  @Option(
    help: ArgumentHelp(
      "Pooling of embeddings: mean, last or cls (default: what the model's files say, or last). A request may have its own.",
      valueName: "way"))
  var pooling: Pooling?

  @Option(
    help: ArgumentHelp(
      """
      The scores of /v1/rerank and /v1/score: 'judge' asks the model about each document, as Qwen3-Reranker is asked; \
      'cosine' compares embeddings; 'auto' asks models whose files say that they judge.
      """, valueName: "way"))
  var ranking = RankingMethod.auto

  /// The names that are given for the model.
  var names: [String] { servedModelName.flatMap { $0.split(separator: ",").map(String.init) } }

  func validate() throws {
    guard servedModelName.isEmpty || !names.isEmpty else {
      throw ValidationError("--served-model-name needs a name that is not empty")
    }
  }

  /// The scorer of documents; `nil` where embeddings are compared.
  func scorer(of loaded: LoadedModel) throws -> RelevanceScorer? {
    switch ranking {
    case .auto: return loaded.scorer
    case .cosine: return nil
    case .judge:
      do { return try loaded.scorer ?? loaded.judge() } catch { throw CommandFailure("--ranking judge: \(error)") }
    }
  }
}

extension Overflow: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}
extension RankingMethod: ExpressibleByArgument {}
