import ArgumentParser
import InferText

/// One of several models or routers on the command line that a configuration makes: a list of words, and where they are
/// from.
struct ConfigurationEntry: ExpressibleByArgument {
  var place: String
  var arguments: [String]

  /// As one word.
  var argument: String {
    let value: JSONValue = ["place": .string(place), "arguments": .array(arguments.map(JSONValue.string))]
    return value.serialized()
  }

  init(place: String, arguments: [String]) { (self.place, self.arguments) = (place, arguments) }

  init?(argument: String) {
    guard let value = try? JSONValue(parsing: Array(argument.utf8)), let place = value["place"]?.string,
      let arguments = value["arguments"]?.array
    else { return nil }
    self.init(place: place, arguments: arguments.compactMap(\.string))
  }

  /// The options that the words say.
  ///
  /// - Throws: `ValidationError` that names the place.
  func settings<Settings: ParsableArguments>(_ type: Settings.Type = ModelSettings.self) throws -> Settings {
    do { return try Settings.parse(arguments) } catch {
      throw ValidationError("\(place): \(Settings.message(for: error))")
    }
  }
}
