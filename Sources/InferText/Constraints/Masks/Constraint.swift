/// A language that a generated text must be in: JSON that is valid against a schema, the matches of a regular expression, or
/// some texts.
///
/// Made once and used for any number of texts, on any threads: states and masks that one has found are there for the others.
public final class Constraint: Sendable {
  private let automaton: any TokenAutomaton

  /// JSON texts that are valid against a schema (draft 2020-12; older drafts as their `$schema` says).
  ///
  /// Members that the schema names come in its order; others may stand anywhere. There may be white space between any two
  /// parts; see ``WhiteSpaceLimits``. Numbers have up to 100 characters, and where the schema says something of one, it
  /// has an exponent only behind one digit and a fraction.
  ///
  /// Nothing is looked up elsewhere: a reference is to the schema itself.
  ///
  /// - Throws: ``ConstraintError`` for a keyword that cannot be held, with its place, and where nothing is valid.
  public init(schema: JSONValue, for vocabulary: MaskVocabulary) throws(ConstraintError) {
    do throws(SchemaError) {
      automaton = MaskedMachine(try JSONMachine(schema), vocabulary)
    } catch {
      throw ConstraintError(reason: "\(error)")
    }
  }

  /// Texts that a regular expression of ECMAScript matches as a whole.
  ///
  /// - Throws: ``ConstraintError`` for an expression that cannot be read or held, with its place, and where nothing matches.
  public init(regex: String, for vocabulary: MaskVocabulary) throws(ConstraintError) {
    var automaton = ByteAutomaton()
    let start: Expression
    do throws(RegexError) {
      start = try automaton.pool.match(regex)
    } catch {
      throw ConstraintError(reason: "regex: \(error)")
    }
    guard !automaton.pool.isEmpty(start) else {
      let reason = automaton.pool.isFull ? "it is too large" : "it matches nothing"
      throw ConstraintError(reason: "regex: \(reason)")
    }
    self.automaton = MaskedMachine(LanguageMachine(automaton, start: start), vocabulary)
  }

  /// Some texts.
  ///
  /// - Throws: ``ConstraintError`` where there are none, or they are too long altogether.
  public init(choice texts: [String], for vocabulary: MaskVocabulary) throws(ConstraintError) {
    guard !texts.isEmpty else { throw ConstraintError(reason: "choice: it is empty") }
    var automaton = ByteAutomaton()
    let start = automaton.pool.union(ofTexts: texts.map { Array($0.utf8) })
    guard !automaton.pool.isFull else { throw ConstraintError(reason: "choice: it is too large") }
    self.automaton = MaskedMachine(LanguageMachine(automaton, start: start), vocabulary)
  }

  /// A cursor at the start of a text.
  public func makeCursor(whiteSpace limits: WhiteSpaceLimits = .written) -> ConstraintCursor {
    ConstraintCursor(automaton, limits)
  }
}

/// A constraint that cannot be read or held.
public struct ConstraintError: Error, Equatable, CustomStringConvertible {
  /// The fault, and its place.
  public let reason: String

  /// The fault, and its place.
  public var description: String { reason }
}
