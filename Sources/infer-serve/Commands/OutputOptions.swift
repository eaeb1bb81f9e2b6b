public import ArgumentParser
import InferCore
public import InferText

/// The options for taking answers apart, where the chat template does not show it or is not to decide.
struct OutputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How answers call tools: \(ToolCallFormat.names) (default: as the chat template shows).", valueName: "format"))
  var toolCallParser: ToolCallFormat?

  @Option(
    help: ArgumentHelp(
      "How answers mark reasoning: \(ReasoningFormat.names) (default: as the chat template shows).",
      valueName: "format"))
  var reasoningParser: ReasoningFormat?

  /// The format to use for a model whose template shows `detected`.
  func format(_ detected: OutputFormat) -> OutputFormat {
    var format = detected
    if let toolCallParser { format.toolCalls = toolCallParser }
    if let reasoningParser { format.reasoning = reasoningParser }
    return format
  }
}

extension ToolCallFormat: ExpressibleByArgument {}
extension ReasoningFormat: ExpressibleByArgument {}

extension CaseIterable where Self: RawRepresentable<String> {
  /// An option's values, for its help.
  fileprivate static var names: String {
    let names = allCases.map(\.rawValue)
    return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
  }
}
