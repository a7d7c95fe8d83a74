//! `clean` and `remove`: takes away what nobody needs.

use crate::args::{Clean, Remove};
use crate::failure::{Exit, Failure, print};
use crate::named::{Named, pattern, pattern_of_name};
use treenail::{Segment, Semaphore};

pub fn clean(args: &Clean) -> Result<(), Failure> {
    let pattern = pattern(args.pattern.as_deref());
    let pattern = pattern.as_deref();
    let mut found = Named::all(pattern)?;
    found.retain(Named::is_left_over);
    if args.dry_run {
        return found.iter().try_for_each(|one| say("would remove", one));
    }
    treenail::sweep(pattern)?;
    let left = Named::all(pattern)?;
    let is_there = |one: &Named| left.iter().any(|left| left.path == one.path && !left.alive);
    found.iter().filter(|one| !is_there(one)).try_for_each(|one| say("removed", one))
}

fn say(what: &str, named: &Named) -> Result<(), Failure> {
    print(&format!("{what} {} {}\n", named.kind, named.name))
}

pub fn remove(args: &Remove) -> Result<(), Failure> {
    let found = Named::all(Some(&pattern_of_name(&args.name)))?;
    if found.is_empty() {
        let text = "nothing has that name; `treenail list` shows what there is";
        return Err(Failure::new(Exit::Nobody, format!("remove {}: {text}", args.name)));
    }
    found.iter().try_for_each(|one| may_go(one, args))?;
    found.iter().try_for_each(|one| {
        remove_one(one)?;
        say("removed", one)
    })
}

/// Refuses to take a name from under those that use it, unless that is meant.
fn may_go(named: &Named, args: &Remove) -> Result<(), Failure> {
    let refused =
        |why: String| Err(Failure::new(Exit::Failed, format!("remove {}: {why}", args.name)));
    let Named { kind, name, holders, .. } = named;
    match kind.as_str() {
        "listener" if named.alive => {
            refused(format!("a program listens at {name}; end that, and the name goes with it"))
        }
        "native" => refused(format!("{name} is another program's; its lock goes with its holders")),
        _ if named.alive && !args.force => refused(format!(
            "{kind} {name} is in use (holders: {holders}, pids: {:?}); they would keep it, and \
             others not find it any more: say --force if that is meant",
            named.pids
        )),
        _ => Ok(()),
    }
}

fn remove_one(named: &Named) -> Result<(), Failure> {
    match named.kind.as_str() {
        "segment" => Segment::remove(&named.name)?,
        "semaphore" => Semaphore::remove(&named.name)?,
        _ => drop(treenail::sweep(Some(&format!("listener:{}", named.name)))?),
    }
    Ok(())
}
