import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

@Suite struct ConfigReaderTests {
  private func reader(_ text: String) throws -> ConfigReader {
    try ConfigReader(JSONValue(parsing: text, options: .configuration))
  }

  private func problem(_ body: () throws -> Void) -> String {
    let error = #expect(throws: ModelError.self, performing: body)
    return "\(error, default: "nothing")"
  }

  @Test func theFirstSpellingThatIsThereCounts() throws {
    let config = try reader("{\"b\": 2, \"c\": 3, \"a\": null}")
    #expect(try config.size("a", "b", "c") == 2)
    #expect(try config.size("x", "c") == 3)
    #expect(try config.size("x", "a", default: 9) == 9)
    #expect(!config.has("a") && config.has("b") && !config.has("x"))
    let missing = problem { _ = try config.size("x", "y") }
    #expect(missing.contains("x or y") && missing.contains("missing"))
  }

  @Test func wrongTypesAndRangesAreNamed() throws {
    let config = try reader(
      """
      {"zero": 0, "huge": 1048577, "beyond": 99999999999999999999, "half": 0.5, "text": "7", "list": [1, "x"],
       "inf": Infinity, "nan": NaN, "wrapped": {"__float__": "Infinity"}, "large": 1e300, "tiny": 1e-300, "flag": 1,
       "negative": -3, "object": {"a": {"b": []}}}
      """)
    #expect(try config.count("zero") == 0)
    for key in ["zero", "huge", "beyond", "half", "text", "list", "inf", "nan", "wrapped", "negative", "object"] {
      let text = problem { _ = try config.size(key) }
      #expect(text.contains("config.json: \(key)") && text.contains("expected an integer in 1…1048576"))
    }
    for key in ["inf", "nan", "wrapped", "large", "text"] {
      #expect(problem { _ = try config.number(key) }.contains("config.json: \(key)"))
    }
    for key in ["inf", "nan", "wrapped", "large", "tiny", "zero", "negative"] {
      #expect(problem { _ = try config.positive(key) }.contains("a number above 0"))
    }
    #expect(problem { _ = try config.flag("flag") }.contains("true or false"))
    #expect(problem { _ = try config.string("flag") }.contains("a string"))
    #expect(problem { _ = try config.strings("list") }.contains("a list of strings"))
    #expect(problem { _ = try config.strings("text") }.contains("a list of strings"))
    #expect(problem { _ = try config.indices("list") }.contains("a list of indices"))
    #expect(problem { _ = try config.sizes("list", layers: 2) }.contains("config.json: list"))
    #expect(problem { _ = try config.sizes("list", layers: 3) }.contains("3 of them"))
    #expect(problem { _ = try config.object("list") }.contains("an object"))
    let inner = try #require(try config.object("object"))
    #expect(problem { _ = try inner.size("a") }.contains("object.a"))
    for text in ["[]", "7", "null", "\"x\""] { #expect(problem { _ = try reader(text) }.contains("an object")) }
  }

  /// Both ways in which infinity is written into files that nobody needs to read.
  @Test(arguments: ["[0.0, Infinity]", "[0.0, {\"__float__\": \"Infinity\"}]"])
  func infinityDoesNotStandInTheWay(_ limit: String) throws {
    let config = try reader("{\"time_step_limit\": \(limit), \"n\": 4}")
    #expect(try config.size("n") == 4 && config.unread == ["time_step_limit"])
    config.ignore(["time_step_limit"])
    #expect(config.unread == [])
  }

  @Test func whatNobodyReadIsListed() throws {
    let config = try reader(
      """
      {"z": 1, "a": {"x": 1, "y": null, "w": 2}, "b": {"x": 1}, "c": null, "d": 4, "e": {"p": 1}}
      """)
    _ = try config.size("d")
    _ = try config.object("a")?.size("x")
    config.ignore(["e"])
    // `b` as a whole, of `a` what was left; nulls say nothing, and what is ignored is ignored with all it holds.
    #expect(config.unread == ["z", "a.w", "b"])
    try config.object("b")?.ignore(["x"])
    #expect(config.unread == ["z", "a.w"])
    config.ignore(["a"])
    #expect(config.unread == ["z"])
  }

  @Test func listsOfOneSizeALayer() throws {
    let config = try reader("{\"one\": 3, \"list\": [1, 2, 3], \"zero\": 0}")
    #expect(try config.sizes("one", layers: 2) == [3, 3])
    #expect(try config.sizes("list", layers: 3) == [1, 2, 3])
    #expect(try config.sizes("none", layers: 2, default: 5) == [5, 5])
    #expect(throws: ModelError.self) { try config.sizes("none", layers: 2) }
  }
}
