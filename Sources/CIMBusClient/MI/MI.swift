/// The client API of the Management Infrastructure (Semantics F), over the same broker as ``Session``.
///
/// ```swift
/// let application = MI.Application()
/// let session = try await application.newSession()
/// for try await process in session.enumerateInstances(of: "Linux_UnixProcess") { … }
/// ```
///
/// Every function of a session returns an ``MI/Operation`` at once. Its results are iterated, pulled one by one, or, where the callbacks have
/// one for results, delivered to it. Whichever way, they end with exactly one result whose `moreResults` is false. Where each name of
/// `mi.h` is to be found is said below.
public enum MI {}
