/// Tokens whose names tell what they are for, whatever a file says of them: conversions get the types of such tokens
/// wrong, or tell but one of several that end an answer.
package enum KnownMarkers {
  /// End an answer.
  private static let ends: Set<ExactText> = [
    "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>",
    "<|end_of_text|>", "<|endoftext|>", "<|end_of_turn|>", "<end_of_turn>", "<|eos|>", "</s>", "<EOT>", "_<EOT>",
    "[EOT]", "[EOS]", "<|EOT|>", "<eos>", "<｜end▁of▁sentence｜>", "<end_of_utterance>", "<|END_OF_TURN_TOKEN|>",
    "<turn|>",
  ]

  /// Begin turns and the parts of their heads.
  private static let turns: Set<ExactText> = [
    "<|im_start|>", "<|im_sep|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>", "<|startoftext|>",
    "<start_of_turn>", "<|start_of_role|>", "<|end_of_role|>", "<|start|>", "<|channel|>", "<|message|>",
    "<|constrain|>", "<|system|>", "<|user|>", "<|assistant|>", "<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>",
    "<|START_OF_TURN_TOKEN|>",
  ]

  private static let gaps = Set(FillInMiddleTokens.names.flatMap(\.names).map { ExactText($0) })

  /// Whether a token of this name is structure and no text.
  package static func isStructure(_ name: String) -> Bool {
    ends.contains(name) || turns.contains(name) || marksGap(name)
  }

  /// Whether a token of this name marks a part of a text with a gap.
  static func marksGap(_ name: String) -> Bool { gaps.contains(name) }

  /// Whether a name looks like one that was made up for a token, as `<|x|>` and `[X]` do.
  package static func looksMadeUp(_ name: String) -> Bool {
    let inner = name.drop { $0 == "_" || $0 == "▁" }
    return inner.hasPrefix("<") && inner.hasSuffix(">") || inner.hasPrefix("[") && inner.hasSuffix("]")
  }

  /// The tokens that end an answer by their names. Where messages of several channels make an answer, the end of
  /// a message is not the end of the answer.
  package static func ends(among names: some Sequence<(id: Int32, name: String)>) -> Set<Int32> {
    var found: TextDictionary<Int32> = [:]
    for (id, name) in names where ends.contains(name) { found[name] = id }
    let hasChannels =
      ["<|return|>", "<|call|>"].allSatisfy(found.contains) || ["<|flush|>", "<|calls|>"].allSatisfy(found.contains)
    if hasChannels { found["<|end|>"] = nil }
    return Set(found.values)
  }
}

extension Tokenizer {
  /// Special tokens that a chat template writes and whose names say that they end an answer.
  ///
  /// - Parameter template: The template's text.
  package func endTokens(in template: String) -> Set<Int32> {
    KnownMarkers.ends(
      among: addedTokens.values.filter(\.isSpecial).map { ($0.id, $0.content) }
        .filter { template.containsExactly($0.1) })
  }
}
