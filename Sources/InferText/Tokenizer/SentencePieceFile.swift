extension TokenList {
  /// Reads a SentencePiece model (`tokenizer.model`), a message of protocol buffers as `sentencepiece_model.proto` of
  /// the SentencePiece project defines it. Fields that only matter for training are skipped.
  ///
  /// - Parameters:
  ///   - bytes: The file.
  ///   - name: Its name, for errors.
  ///   - configuration: What `tokenizer_config.json` says.
  /// - Throws: ``TokenizerError`` when the file is damaged or asks for an algorithm other than byte pairs and unigram.
  init(sentencePiece bytes: [UInt8], name: String, configuration: JSONValue?) throws(TokenizerError) {
    self.init(algorithm: .unigram, tokens: [])
    removesExtraSpaces = true
    do {
      var message = ProtocolBuffer(bytes[...])
      while let (field, value) = try message.next() {
        guard let part = value.bytes else { continue }
        switch field {
        case 1: try addPiece(part)
        case 2: try readTrainer(part, name: name)
        case 3: try readNormalizer(part, name: name)
        default: break
        }
      }
    } catch let damage as ProtocolBuffer.Damage {
      throw .file(name, reason: "byte \(damage.offset): \(damage.reason)")
    } catch let error as TokenizerError {
      throw error
    } catch {
      throw .file(name, reason: "\(error)")
    }
    let options = TokenizerField(configuration ?? .null, at: "tokenizer_config.json")
    // Hugging Face's older handling encodes what follows an added token like a text of its own.
    addsSpacePrefixEverywhere = try options.flag("legacy", default: true)
    addsSpacePrefix = try options.flag("add_prefix_space", default: addsSpacePrefix)
    addsBOS = try options.flag("add_bos_token", default: algorithm == .bytePair)
    addsEOS = try options.flag("add_eos_token", default: false)
  }

  /// `SentencePiece`: the piece, its score and its type.
  private mutating func addPiece(_ bytes: ArraySlice<UInt8>) throws(ProtocolBuffer.Damage) {
    var message = ProtocolBuffer(bytes)
    var (token, score, type) = ("", Float(0), TokenType.normal.rawValue)
    while let (field, value) = try message.next() {
      switch field {
      case 1: token = String(decoding: value.bytes ?? [], as: UTF8.self)
      case 2: score = value.float ?? 0
      case 3: type = Int32(truncatingIfNeeded: value.int ?? 0)
      default: break
      }
    }
    tokens.append(token)
    scores.append(score)
    types.append(type)
  }

  /// `TrainerSpec`: the algorithm, and the ids with a meaning.
  private mutating func readTrainer(_ bytes: ArraySlice<UInt8>, name: String) throws {
    var message = ProtocolBuffer(bytes)
    (bos, eos) = (1, 2)
    while let (field, value) = try message.next() {
      let number = value.int ?? 0
      switch field {
      case 3:
        guard number == 1 || number == 2 else {
          throw TokenizerError.unsupported(path: name, what: "the model type \(number)")
        }
        algorithm = number == 1 ? .unigram : .bytePair
      case 24 where number != 0:
        throw TokenizerError.unsupported(path: name, what: "treating white space as a suffix")
      // A negative id says that there is no such token.
      case 41: bos = number < 0 ? nil : Int32(clamping: number)
      case 42: eos = number < 0 ? nil : Int32(clamping: number)
      case 43: pad = number < 0 ? nil : Int32(clamping: number)
      default: break
      }
    }
  }

  /// `NormalizerSpec`: the table of replacements and the handling of spaces.
  private mutating func readNormalizer(_ bytes: ArraySlice<UInt8>, name: String) throws {
    var message = ProtocolBuffer(bytes)
    while let (field, value) = try message.next() {
      switch field {
      case 2: characterMap = Array(value.bytes ?? [])
      case 3: addsSpacePrefix = value.int != 0
      case 4: removesExtraSpaces = value.int != 0
      case 5 where value.int == 0:
        throw TokenizerError.unsupported(path: name, what: "spaces that are no part of tokens")
      default: break
      }
    }
  }
}
