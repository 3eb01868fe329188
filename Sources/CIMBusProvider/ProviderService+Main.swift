#if !WITHOUT_SERVICE_LIFECYCLE
    import Glibc
    import ServiceLifecycle

    extension ProviderService {
        /// The life of a process that is this provider and nothing else. The provider serves until SIGTERM or SIGINT asks the process to end, and
        /// then stops as ``run()`` does: open operations may go on for ``Options/shutdownGrace``.
        ///
        /// When ``run()`` throws, this function prints the error to standard error and ends the process with status 1: without a bus, after a
        /// refused registration, and after the loss of the bus. Otherwise it returns. A program with more services puts this one into a
        /// `ServiceGroup` of its own.
        public func main() async {
            // A provider that ends itself when nobody needs it has done what it should.
            let service = ServiceGroupConfiguration.ServiceConfiguration(
                service: self, successTerminationBehavior: .gracefullyShutdownGroup, serviceName: name)
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
            do {
                try await group.run()
            } catch {
                let words = "\(name): \(error)\n"
                write(STDERR_FILENO, words, words.utf8.count)
                exit(1)
            }
        }
    }
#endif
