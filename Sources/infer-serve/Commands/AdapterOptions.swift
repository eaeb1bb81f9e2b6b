import ArgumentParser
import HybridBlocks

/// The adapters of a served model.
struct AdapterOptions: ParsableArguments {
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      A LoRA adapter, a folder of peft's or a GGUF file, that requests choose as the model NAME or MODEL:NAME, with a \
      factor behind another equals sign if need be; may be repeated.
      """, valueName: "name=path[=scale]"), transform: AdapterArgument.named)
  var lora: [AdapterArgument] = []

  /// The adapters.
  var adapters: [Adapter] { lora.map(\.adapter) }
}
