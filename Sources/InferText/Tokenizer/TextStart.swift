/// The place in a text at which a part of it begins, on which a prefix depends that some tokenizers put there.
enum TextStart: Sendable {
  /// The part is the beginning of the text.
  case beginning
  /// The part follows an added token.
  case behindToken
  /// The part goes on with what is there.
  case within
}
