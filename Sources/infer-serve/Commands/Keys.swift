import ArgumentParser
import Foundation
import InferText

/// `infer-serve keys`: makes the keys of a file, lists and revokes them.
struct Keys: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes, lists and revokes the keys of a file for serve --api-key-file.",
    discussion: """
      The file holds hashes of keys, their names and limits. A server that has it follows its changes within a second or \
      two. Answers that are under way when their key is revoked are finished.
      """,
    subcommands: [KeysAdd.self, KeysList.self, KeysRevoke.self])
}

/// The file that subcommands of `keys` are about.
struct KeyFileOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The file of keys.", valueName: "FILE"), transform: PathArgument.init)
  var file: PathArgument
}

/// `infer-serve keys list`: the records of a file's keys.
struct KeysList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Prints what the file says of each key, as a JSON object a line.")

  @OptionGroup var place: KeyFileOptions

  func run() throws {
    let now = Date()
    for key in try KeyFile.read(place.file.url) {
      var members = KeyFile.members(key)
      members["sha256"] = nil
      members["expired"] = key.isExpired(at: now) ? true : nil
      try emit(JSONValue.object(members).serialized() + "\n")
    }
  }
}

/// `infer-serve keys revoke`: removes a key from a file.
struct KeysRevoke: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke",
    abstract: "Removes a key.",
    discussion: "Its name may then be given to a new key, whose sessions and stored responses are those of the old one."
  )

  @OptionGroup var place: KeyFileOptions

  @Argument(help: "The key's name.")
  var name: String

  func run() throws {
    try KeyFileEditor(place.file.url, mayBeAbsent: false).edit { keys throws(CommandFailure) in
      guard let index = keys.firstIndex(where: { $0.name.isExactly(name) }) else {
        throw CommandFailure("\(place.file) has no key of the name '\(name)'")
      }
      keys.remove(at: index)
    }
  }
}
