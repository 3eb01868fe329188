import CIM
import CIMBusCore
import CIMBusWire
import DBus
import Glibc

/// Metrics of the broker, as text: over the bus (`Broker.GetMetrics`), and at a unix socket.
extension Broker {
    /// When this process began to count.
    private static let start: Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }()

    func getMetrics(_ call: MethodCall) {
        guard let peer = peer(of: call), let caller = caller(peer) else { return }
        call.reply([.string(metricsText(.common, for: caller))])
    }

    /// Makes the socket at which everybody may read them.
    func openMetricsSocket(_ path: String) throws(CIMBusError) -> MetricsSocket {
        _ = Self.start
        return try MetricsSocket(path, loop) { [weak self] uid, gid, format in
            self?.assumeIsolated { $0.metricsText(format, for: Caller(uid: uid, groups: [gid])) }
        }
    }

    /// What the reader may know: totals, and what there is of each provider, everybody; how much users have of what is bounded, those who may see
    /// the rules of rights; others find themselves there.
    func metricsText(_ format: MetricsText.Format, for caller: Caller) -> String {
        var text = MetricsText(format)
        text.gauge("cimbus_build_info", "The version of the broker.", [([("version", Broker.version)], "1")])
        text.gauge("cimbus_start_time_seconds", "When the broker began to count, in seconds since 1970.", Self.start)
        write(operationsTo: &text)
        write(providersTo: &text)
        write(eventsTo: &text)
        write(quotasTo: &text, for: caller)
        return text.finish()
    }

    private func write(operationsTo text: inout MetricsText) {
        let endings = metrics.endings.sorted { ($0.key.kind, $0.key.status) < ($1.key.kind, $1.key.status) }
        text.counter(
            "cimbus_operations", "Operations that ended, by their method and final status. Abandoned: the client left.",
            endings.map { ([("kind", $0.key.kind), ("status", $0.key.status)], $0.value) })
        text.gauge("cimbus_operations_open", "Operations that are open now.", core.openOperations)
        text.gauge("cimbus_sink_references", "References to service sinks that providers hold now.", core.sinkReferences)
        text.gauge("cimbus_private_connections", "Private connections that are open now.", peers.privateConnections)
        text.counter("cimbus_objects", "Objects that were handed to clients.", core.counters.objects)
        text.counter("cimbus_delivered_bytes", "Bytes of objects that were handed to clients.", metrics.deliveredBytes)
        text.counter("cimbus_cancelled", "Operations that clients cancelled.", core.counters.cancelled)
        text.counter(
            "cimbus_waits",
            "Times that something waited: an operation for a provider's process or for a place in its queue (call), objects for the client's credit.",
            metrics.waits.sorted { $0.key < $1.key }.map { ([("for", $0.key)], $0.value) })
    }

    private func write(providersTo text: inout MetricsText) {
        let counters = core.counters
        text.counter("cimbus_failures", "Operations that ended with an error.", counters.failures)
        text.counter("cimbus_vanished", "Times that a registered process left.", counters.vanished)
        text.counter("cimbus_leaks", "Operations that ended with references left.", counters.leaks)
        text.counter("cimbus_violations", "Breaches of the contract by providers.", counters.violations)
        text.counter("cimbus_lost_replies", "Calls that providers left unanswered while they answered others.", counters.lostReplies)
        text.counter("cimbus_lost_values", "Values that did not fit their properties, and went on as NULL.", counters.lostValues)
        let registrations = core.registry.all
        let states = Dictionary(registrations.map { (core.state(of: $0).rawValue, 1) }, uniquingKeysWith: +)
        text.gauge(
            "cimbus_registrations", "Registrations of providers, by their state.",
            states.sorted { $0.key < $1.key }.map { ([("state", $0.key)], "\($0.value)") })
        // Of a provider that has a process for each user there are several: they count as one.
        var histograms: [String: (labels: MetricsText.Labels, value: Metrics.Histogram)] = [:]
        for (id, histogram) in metrics.latencies {
            let registration = core.registry.find(id)
            let labels: MetricsText.Labels = [
                ("namespace", registration?.namespace ?? ""), ("provider", registration.map { $0.name.clipped(100) } ?? "(others)"),
            ]
            let key = labels.map(\.value).joined(separator: "\n")
            histograms[key] = (labels, histograms[key]?.value.adding(histogram) ?? histogram)
        }
        text.histogram(
            "cimbus_provider_duration_seconds", "How long calls to providers took, from the call to the end of what it was for.",
            histograms.sorted { $0.key < $1.key }.map(\.value))
    }

    private func write(eventsTo text: inout MetricsText) {
        text.counter("cimbus_events", "Events for subscribers, counted for each of them.", core.counters.events)
        text.counter("cimbus_events_lost", "Events that subscribers lost, because they read too slowly.", core.counters.lostEvents)
        text.gauge("cimbus_subscriptions", "Subscriptions to events that are open now.", core.events.subscriptions.count)
        text.gauge("cimbus_event_sources", "Sinks into which providers raise events.", core.events.sources.count)
    }

    private func write(quotasTo text: inout MetricsText, for caller: Caller) {
        let seesAll = (try? core.rights.check(.readSecurity, RightsSubject(namespace: CIMNamespaceName.root.text), for: caller)) != nil
        let uses = core.quotaUse().filter { seesAll || $0.uid == caller.uid }.prefix(Self.mostQuotas)
        func labels(_ use: QuotaUse) -> MetricsText.Labels { [("bound", use.bound.rawValue), ("user", use.uid.map { "\($0)" } ?? "")] }
        text.gauge(
            "cimbus_quota_used", "How much of what is bounded a user has; without a user, all but root.",
            uses.map { (labels($0), "\($0.used)") })
        text.gauge("cimbus_quota_limit", "How much of it the user may have.", uses.map { (labels($0), "\($0.most)") })
    }

    /// Rows about users, of whom somebody may make thousands.
    private static let mostQuotas = 1_000
}

extension Metrics.Histogram {
    func adding(_ other: Self) -> Self {
        var sum = self
        sum.add(other)
        return sum
    }
}
