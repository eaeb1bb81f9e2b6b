import Foundation
import Testing

@testable import InferCore

@Suite struct InstructionSetTests {
  @Test func chosenSetIsAvailable() {
    #expect(InstructionSet.available.contains(InstructionSet.name))
    #expect(InstructionSet.available.last == "plain")
    #expect(InstructionSet.known.filter(InstructionSet.available.contains) == InstructionSet.available)
  }

  /// Tests compute with the set that they are asked to, or say why not.
  @Test func theSetThatIsAskedForIsChosen() {
    guard let asked = ProcessInfo.processInfo.environment[InstructionSet.variable], !asked.isEmpty else { return }
    #expect(InstructionSet.name == asked, "\(InstructionSet.warning ?? "no warning")")
  }

  @Test func unknownNameIsAnsweredWithThoseThatThereAre() {
    let warning = InstructionSet.warning(
      refused: "mmx", forbidden: nil, available: ["avx2", "plain"], chosen: "avx2")
    #expect(
      warning == "INFER_SERVE_ISA=mmx: this machine has no such instruction set, but avx2, plain; avx2 is used")
  }

  @Test func systemThatForbidsTheBestSetIsNamed() {
    let available = ["avx512-vnni", "plain"]
    let reason = "the processor has the instruction set amx, but the system does not let this process use it"
    let unasked = InstructionSet.warning(
      refused: nil, forbidden: "amx", available: available, chosen: "avx512-vnni")
    #expect(unasked == "\(reason); avx512-vnni is used")
    let asked = InstructionSet.warning(
      refused: "amx", forbidden: "amx", available: available, chosen: "avx512-vnni")
    #expect(asked == "INFER_SERVE_ISA=amx: \(reason); avx512-vnni is used")
    let other = InstructionSet.warning(
      refused: "mmx", forbidden: "amx", available: available, chosen: "avx512-vnni")
    #expect(other.hasPrefix("INFER_SERVE_ISA=mmx: this machine has no such instruction set, but avx512-vnni, plain;"))
  }
}
