import DequeModule
import InferCore

/// Hands elements from any number of tasks to one, without a buffer: a sender waits until its element is taken.
final class Handover<Element: Sendable>: Sendable {
  private struct State {
    var senders: Deque<(element: Element, CheckedContinuation<Bool, Never>)> = []
    var receiver: CheckedContinuation<Element?, Never>?
    var isFinished = false
  }

  private enum Sending { case deliver(CheckedContinuation<Element?, Never>), refuse, wait }
  private enum Receiving { case take(Element, CheckedContinuation<Bool, Never>), end, wait }

  private let state = Monitor(State())

  /// Returns when the element has been taken; `false` when it never will be.
  func send(_ element: Element) async -> Bool {
    await withCheckedContinuation { sender in
      let step: Sending = state.withLock { state in
        if state.isFinished { return .refuse }
        if let receiver = state.receiver.take() { return .deliver(receiver) }
        state.senders.append((element, sender))
        return .wait
      }
      switch step {
      case .deliver(let receiver):
        receiver.resume(returning: element)
        sender.resume(returning: true)
      case .refuse: sender.resume(returning: false)
      case .wait: break
      }
    }
  }

  /// The next element, in the order in which they were sent; `nil` when there will be none.
  func next(isolation actor: isolated (any Actor)? = #isolation) async -> Element? {
    await withCheckedContinuation(isolation: actor) { receiver in
      let step: Receiving = state.withLock { state in
        if let (element, sender) = state.senders.popFirst() { return .take(element, sender) }
        if state.isFinished { return .end }
        precondition(state.receiver == nil, "two tasks receive at the same time")
        state.receiver = receiver
        return .wait
      }
      switch step {
      case .take(let element, let sender):
        sender.resume(returning: true)
        receiver.resume(returning: element)
      case .end: receiver.resume(returning: nil)
      case .wait: break
      }
    }
  }

  /// Nothing more is sent or received.
  func finish() {
    let (senders, receiver) = state.withLock { state in
      state.isFinished = true
      defer { state.senders = [] }
      return (state.senders, state.receiver.take())
    }
    for (_, sender) in senders { sender.resume(returning: false) }
    receiver?.resume(returning: nil)
  }
}
