import CIM
import CIMBusCore
import DBus

/// What the broker reads again while it runs: its configuration, and the rules of rights (`Broker.Reload`, SIGHUP).
extension Broker {
    /// What was read.
    private struct Files: Sendable {
        let configuration: BrokerConfiguration
        let rules: [RightsRule]
    }

    /// Reads both again. Where a file has a fault, all stays as it is.
    ///
    /// - Throws: each fault with its file and line, as InvalidParameter.
    public func reload() async throws(CIMError) {
        configuration.reloading(false)
        defer { configuration.reloading(true) }
        let (old, owner) = (configuration, core.rights.broker)
        let result = await RegisterCall.lookUps.run { Self.read(old, owner) }
        switch result {
        case .success(let files):
            apply(files.configuration)
            let rights = Rights(broker: owner, allowed: configuration.allowedRegistrations, rules: files.rules)
            tell { $0.rights = rights }
            auditFile?.reopen(logger)
            // What was inactive for want of a right may be active now.
            await reviewStored()
            logger.notice("\(files.rules.count) rules of rights are in force", metadata: LogMessage.reloaded.metadata())
        case .failure(let error):
            logger.error(
                "the configuration and the rules of rights stay as they were: \(error.message)",
                metadata: LogMessage.configurationFaulty.metadata())
            throw CIMError(.invalidParameter, "Reload: \(error.message)")
        }
    }

    private static func read(_ old: BrokerConfiguration, _ owner: UInt32) -> Result<Files, CIMBusError> {
        do throws(CIMBusError) {
            let new = try old.reread?() ?? old
            do throws(RightsFiles.Fault) {
                return .success(Files(configuration: new, rules: try RightsFiles(directories: new.rightsDirectories, owner: owner).read()))
            } catch {
                throw CIMBusError(.noRights, error.description)
            }
        } catch {
            return .failure(error)
        }
    }

    /// Takes over what can change while the broker runs.
    private func apply(_ new: BrokerConfiguration) {
        let stay = configuration.fixed(comparedWith: new)
        if !stay.isEmpty {
            logger.warning(
                "what the configuration says of \(stay.joined(separator: ", ")) counts when the broker is started anew: systemctl restart cimbusd"
            )
        }
        configuration.limits = new.limits
        configuration.allowedRegistrations = new.allowedRegistrations
        configuration.rightsDirectories = new.rightsDirectories
        // A trace is replayed with the limits with which it began.
        if configuration.trace == nil { tell { $0.limits = new.limits } }
        if let log = configuration.log, let level = new.log?.level, log.level != level { log.level = level }
    }

    func reload(_ call: MethodCall) {
        guard let peer = peer(of: call), let caller = caller(peer) else { return }
        guard core.rights.isAdministrator(uid: caller.uid) else {
            return refuse(call, CIMError(.accessDenied, "Reload: only root and the broker's user may do this"))
        }
        Task(executorPreference: loop) { [self] in
            do throws(CIMError) {
                try await self.reload()
                await self.audit(.administration, call, nil)
                call.reply()
            } catch {
                await self.audit(.administration, call, error)
                call.fail(error)
            }
        }
    }
}

extension BrokerConfiguration {
    /// The options that another configuration has with another value, and that cannot change while the broker runs.
    fileprivate func fixed(comparedWith new: BrokerConfiguration) -> [String] {
        var names: [String] = []
        if "\(address)" != "\(new.address)" { names.append("the bus") }
        if repository != new.repository { names.append("state") }
        if audit != new.audit { names.append("audit") }
        if trace != new.trace { names.append("record") }
        if metricsSocket != new.metricsSocket { names.append("metrics") }
        if offersPrivateConnections != new.offersPrivateConnections { names.append("no-private-connections") }
        if busGrace != new.busGrace { names.append("bus-grace") }
        return names
    }
}
