/// What one user may have of something that is bounded for all (L13). A bound that users share is no bound of root's, and leaves every user a
/// little: else a few users who take all they may have would leave nothing to anybody.
public struct Share: Hashable, Sendable {
    /// The most that one user may have, and all but root together.
    public let most: Int
    public let all: Int
    /// What a user finds even where the others have all, until they have a quarter more than that.
    public let least: Int

    public init(most: Int, all: Int, least: Int) {
        self.most = most
        self.all = all
        self.least = least
    }

    /// Whose bound keeps a user from more.
    public enum Want: Hashable, Sendable {
        case ofUser
        case ofAllUsers
    }

    /// What keeps a user from having so much, where all but root have so much then; nil: nothing.
    public func want(of uid: UInt32, having own: Int, others: Int) -> Want? {
        if own > most { return .ofUser }
        if uid == 0 || others <= all { return nil }
        return own <= least && others <= all + all / 4 ? nil : .ofAllUsers
    }
}
