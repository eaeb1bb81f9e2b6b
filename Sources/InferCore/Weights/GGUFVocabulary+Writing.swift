internal import InferText

extension TokenList {
  /// The list as metadata of a GGUF file: the other direction of `GGUFVocabulary`.
  package var metadata: [(key: String, value: GGUFValue)] {
    var entries: [(key: String, value: GGUFValue)] = []
    func add(_ key: String, _ value: GGUFValue?) {
      if let value { entries.append((GGUFVocabulary.prefix + key, value)) }
    }
    add("model", .string(algorithm.name))
    add("pre", .string(algorithm.splitting ?? "default"))
    switch algorithm {
    case .byteLevel(let merges, _): add("merges", .array(merges.map(GGUFValue.string)))
    case .bytePair, .longestMatch, .leastCost: break
    case .unigram:
      if !characterMap.isEmpty {
        add("precompiled_charsmap", .array(characterMap.map { .unsigned(UInt64($0)) }))
      }
    }
    add("tokens", .array(tokens.map(GGUFValue.string)))
    if !scores.isEmpty { add("scores", .array(scores.map { .number(Double($0)) })) }
    if !types.isEmpty { add("token_type", .array(types.map { .signed(Int64($0)) })) }
    for (name, id) in [("bos", bos), ("eos", eos), ("eot", eot), ("eom", eom), ("padding", pad)] {
      add("\(name)_token_id", id.map { .unsigned(UInt64(max($0, 0))) })
    }
    for (keys, place) in FillInMiddleTokens.keys {
      add("\(keys[0])_token_id", fillInMiddle[keyPath: place].map { .unsigned(UInt64(max($0, 0))) })
    }
    add("add_bos_token", addsBOS.map(GGUFValue.bool))
    add("add_eos_token", addsEOS.map(GGUFValue.bool))
    switch algorithm {
    case .byteLevel, .longestMatch, .leastCost: return entries
    case .bytePair, .unigram: break
    }
    add("add_space_prefix", .bool(addsSpacePrefix))
    add("remove_extra_whitespaces", removesExtraSpaces.map(GGUFValue.bool))
    return entries
  }
}
