import Foundation

/// What a command could not do, in one line.
struct CommandFailure: LocalizedError {
  let errorDescription: String?

  init(_ description: String) { errorDescription = description }
}

/// Writes a line to standard error.
func note(_ line: String) {
  // Nobody is left to be told when even this fails.
  try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
}

/// Writes text to standard output at once.
func emit(_ text: String) throws(CommandFailure) {
  do { try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) } catch {
    throw CommandFailure("cannot write to standard output: \(error.localizedDescription)")
  }
}
