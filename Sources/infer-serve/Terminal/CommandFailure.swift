import Foundation

/// The failure of a command, in one line.
struct CommandFailure: LocalizedError {
  let errorDescription: String?

  init(_ description: String) { errorDescription = description }
}

/// Writes a line to standard error, without waiting for whoever reads it.
func note(_ line: String) { LineWriter.standardError.write(line) }

/// Writes text to standard output at once.
func emit(_ text: String) throws(CommandFailure) {
  do { try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) } catch {
    throw CommandFailure("cannot write to standard output: \(error.localizedDescription)")
  }
}
