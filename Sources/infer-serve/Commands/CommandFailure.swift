import Foundation

/// What a command could not do, in one line.
struct CommandFailure: LocalizedError {
  let errorDescription: String?

  init(_ description: String) { errorDescription = description }
}

/// Writes a line to standard error.
func note(_ line: String) {
  FileHandle.standardError.write(Data((line + "\n").utf8))
}

/// Writes text to standard output at once.
func emit(_ text: String) {
  FileHandle.standardOutput.write(Data(text.utf8))
}
