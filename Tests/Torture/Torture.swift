import Glibc

/// The torture run: clients and providers of several users, real processes all of them, over the bus and over private connections, and faults at
/// random instants. The checker knows nothing but the contract.
///
///     Torture run [--seconds N] [--kills N] [--seed N] [--bus dbus-daemon|dbus-broker] [--pace MILLISECONDS] [--verbose]
///     Torture run --writes N [--seed N] [--bus …]             kills the broker N times under writing load: no answered write is lost
///     Torture run --events [--seconds N] [--kills N] [--seed N] [--bus …]   kills sources of events, subscribers and the broker
///     Torture client ADDRESS SEED bus|private CLASS…          one client: what it starts, it checks
///     Torture provider ADDRESS NAME                           a provider with the library, which behaves
///     Torture raiser|subscriber …                             one source of events, or one subscriber
///     Torture crowd …                                         many providers, or clients, of one user (``Crowd``)
///
/// `run` ends after N seconds, or with `--kills` after so many kills. Its last line is `torture: N operations, K kills, 0 wrong`; its exit status is 1
/// where something was wrong. What was wrong is said with the seed and the operation. Processes that misbehave by script are FaultyProviders.
@main
struct Torture {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            switch arguments.first {
            case "run":
                let options = try Director.Options(Array(arguments.dropFirst()))
                if let kills = options.writes { exit(try await Writes(kills: kills, options).run() ? 0 : 1) }
                if options.isOfEvents { exit(try await EventRun(options).run() ? 0 : 1) }
                exit(try await Director(options).run() ? 0 : 1)
            case "client" where arguments.count > 4: try await TortureClient.main(Array(arguments.dropFirst()))
            case "raiser" where arguments.count == 5: try await EventRaiser.main(Array(arguments.dropFirst()))
            case "subscriber" where arguments.count == 4: try await EventSubscriber.main(Array(arguments.dropFirst()))
            case "crowd": try await Crowd.main(Array(arguments.dropFirst()))
            case "provider" where arguments.count == 3: try await TortureProvider.main(address: arguments[1], name: arguments[2])
            default:
                say(
                    "usage: Torture run [--seconds N] [--kills N] [--seed N] [--bus dbus-daemon|dbus-broker] [--pace MILLISECONDS] [--verbose]"
                )
                exit(64)
            }
        } catch {
            say("failed \(error)")
            exit(1)
        }
    }
}
