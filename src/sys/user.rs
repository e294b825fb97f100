//! Becoming somebody else, for good.

use std::ffi::CString;
use std::fmt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{
    Gid, Group, Uid, User, chdir, chroot, getgrouplist, getgroups, getresgid, getresuid, setgroups,
    setresgid, setresuid,
};

use super::Error;

/// Whether names can be looked up: the C library does it by plug-ins, which a static one has not.
const KNOWS_NAMES: bool = !cfg!(all(target_env = "gnu", target_feature = "crt-static"));

/// A user with all groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// As it was asked for.
    name: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

/// Why there is no such identity: the end of a sentence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unknown {
    /// A number without a group.
    Groupless,
    Group(String),
    /// This build knows numbers only.
    Names,
    /// The system cannot say.
    System(Errno),
    User(String),
}

impl Identity {
    /// Looks up `U` or `U:G`. Numbers are taken as they are and looked up nowhere; a user by name brings
    /// all its groups along.
    pub(crate) fn find(text: &str) -> Result<Self, Unknown> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let group = group.map(gid).transpose()?;
        let (uid, gid, groups) = match number(user) {
            Some(uid) => {
                let gid = group.ok_or(Unknown::Groupless)?;
                (Uid::from_raw(uid), gid, vec![gid])
            }
            None => of_name(user, group)?,
        };
        Ok(Self {
            name: text.to_owned(),
            uid,
            gid,
            groups,
        })
    }

    /// Becomes this user, from whom there is no way back. Nothing happens if this is who we are.
    ///
    /// # Errors
    ///
    /// Only root can.
    pub(crate) fn assume(&self) -> Result<(), Error> {
        self.become_it()
            .map_err(|source| refused("run as", &self.name, source))
    }

    fn become_it(&self) -> nix::Result<()> {
        let (user, group) = (getresuid()?, getresgid()?);
        let is_user = [user.real, user.effective, user.saved] == [self.uid; 3];
        let is_group = [group.real, group.effective, group.saved] == [self.gid; 3];
        if is_user && is_group && getgroups()?.iter().all(|it| self.groups.contains(it)) {
            return Ok(());
        }
        setgroups(&self.groups)?;
        setresgid(self.gid, self.gid, self.gid)?;
        setresuid(self.uid, self.uid, self.uid)
    }
}

fn of_name(user: &str, group: Option<Gid>) -> Result<(Uid, Gid, Vec<Gid>), Unknown> {
    if !KNOWS_NAMES {
        return Err(Unknown::Names);
    }
    let unknown = || Unknown::User(user.to_owned());
    let found = User::from_name(user).map_err(Unknown::System)?;
    let found = found.ok_or_else(unknown)?;
    let gid = group.unwrap_or(found.gid);
    let name = CString::new(user).map_err(|_| unknown())?;
    let groups = getgrouplist(&name, gid).map_err(Unknown::System)?;
    Ok((found.uid, gid, groups))
}

fn gid(group: &str) -> Result<Gid, Unknown> {
    if let Some(gid) = number(group) {
        return Ok(Gid::from_raw(gid));
    }
    if !KNOWS_NAMES {
        return Err(Unknown::Names);
    }
    let found = Group::from_name(group).map_err(Unknown::System)?;
    let found = found.ok_or_else(|| Unknown::Group(group.to_owned()))?;
    Ok(found.gid)
}

/// A number that is an id: the highest one is none to the kernel.
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| *number != u32::MAX);
    number.filter(|_| is_number)
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groupless => f.write_str("give a number with its group, such as 65534:65534"),
            Self::Group(group) => write!(f, "there is no group {group:?}"),
            Self::Names => {
                f.write_str("give numbers, such as 65534:65534: this build knows no names")
            }
            Self::System(errno) => write!(f, "cannot be looked up: {}", errno.desc()),
            Self::User(user) => write!(f, "there is no user {user:?}"),
        }
    }
}

/// Makes a directory the root of this process, and the one it works in.
///
/// # Errors
///
/// Only root can.
pub(crate) fn confine_to(root: &Path) -> Result<(), Error> {
    chroot(root)
        .and_then(|()| chdir("/"))
        .map_err(|source| refused("change the root to", &root.display().to_string(), source))
}

fn refused(doing: &'static str, on: &str, source: Errno) -> Error {
    let hint = match source == Errno::EPERM {
        true => " without being root",
        false => "",
    };
    Error::new(doing, format!("{on}{hint}"), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_looked_up_nowhere() {
        let found = Identity::find("4000000000:3999999999").expect("an identity");
        assert_eq!(found.uid, Uid::from_raw(4_000_000_000));
        assert_eq!(found.gid, Gid::from_raw(3_999_999_999));
        assert_eq!(found.groups, [found.gid]);
    }

    #[test]
    fn a_name_brings_its_groups() {
        let found = Identity::find("root").expect("an identity");
        assert_eq!((found.uid, found.gid), (Uid::from_raw(0), Gid::from_raw(0)));
        assert!(found.groups.contains(&found.gid));
        let in_group = Identity::find("root:4711").expect("an identity");
        assert_eq!(in_group.gid, Gid::from_raw(4711));
        assert!(in_group.groups.contains(&in_group.gid));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let find = |text| Identity::find(text).expect_err(text);
        assert_eq!(find("65534"), Unknown::Groupless);
        assert_eq!(find("no-such-one"), Unknown::User("no-such-one".into()));
        assert_eq!(find("0:no-such-one"), Unknown::Group("no-such-one".into()));
        // As the kernel sees it this is no user at all.
        assert_eq!(find("4294967295:0"), Unknown::User("4294967295".into()));
        assert_eq!(find(""), Unknown::User(String::new()));
        assert_eq!(find("root:"), Unknown::Group(String::new()));
    }
}
