/// The named scripts: every way to misbehave, and one to behave.
enum Scenarios {
    static let table: [String: String] = [
        "healthy": "reply 0 0 auto",
        "healthy-long": "reply 0 1; indicate auto; setstatus 0; release",
        "not-found": "error NotFound there is no such thing",
        "failed-reply": "reply NotFound 0",
        "crash-before-reply": "crash",
        "crash-after-reply": "reply 0 1; sync; crash",
        "crash-between-indicates": "reply 0 1; indicate auto; indicate auto; sync; crash",
        "crash-after-status": "reply 0 1; indicate auto; setstatus 0; sync; crash",
        "crash-after-release": "reply 0 1; indicate auto; setstatus 0; release; sync; crash",
        "exit": "reply 0 1; indicate auto; sync; exit 0",
        "stop": "reply 0 1; sync; stop",
        "stop-before-reply": "stop",
        "leave": "reply 0 1; sync; leave",
        "fork-hold": "reply 0 1; sync; fork-hold",
        "reply-without-status": "reply 0 0 auto",
        "silent": "reply 0 1",
        "release-without-status": "reply 0 1; indicate auto; release",
        "status-twice": "reply 0 1; indicate auto; setstatus 0; setstatus Failed; release",
        "indicate-after-status": "reply 0 1; indicate auto; setstatus 0; indicate 1; release",
        "indicate-after-end": "reply 0 1; indicate auto; setstatus 0; release; indicate 1; setstatus 0; release",
        "foreign": "foreign /org/cimbus1/sinks/1 indicate 1; foreign /org/cimbus1/sinks/1 setstatus Failed; reply 0 0 auto",
        "unknown-sink": "foreign /org/cimbus1/sinks/18446744073709551615 indicate 1; reply 0 0 auto",
        "transfer-and-die": "reply 0 1; transfer waitfor death, indicate auto, setstatus 0, release; sync; crash",
        "leak": "reply 0 1; indicate auto; setstatus 0",
        "release-before-reply": "indicate auto; setstatus 0; release; reply 0 1",
        "release-too-often": "reply 0 1; addref; release; release; release",
        "flood": "reply 0 1; indicate 1 batches 10000 nowait; setstatus 0; release noreply",
        "indicate-without-reply": "reply 0 1; indicate 1 noreply; setstatus 0; release",
        "never": "never",
        "misfit": "reply 0 1; misfit; setstatus 0; release",
        "huge": "reply 0 1; indicate 1 bytes 31457280; setstatus 0; release",
        "deep": "reply 0 1; deep 17; setstatus 0; release",
        "progress": "reply 0 1; progress 1 3; progress 2 3; progress 3 3; indicate auto; setstatus 0; release",
        "until-cancelled": "reply 0 1; cancelled; indicate 1; release",
    ]

    /// A named script, or the text of one.
    static func script(_ text: String) throws -> Script { try Script(table[text] ?? text) }
}
