//! What the figures depend on, as the kernel tells it.

use std::fs;
use std::process::Command;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The first two CPUs this process may use.
///
/// # Errors
/// There is only one.
pub fn two_cpus() -> Result<[usize; 2], String> {
    let set = sched_getaffinity(None).map_err(|error| error.to_string())?;
    let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu));
    match (cpus.next(), cpus.next()) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ => Err("one CPU (needed: two)".to_owned()),
    }
}

/// Keeps the calling thread on one CPU.
///
/// # Errors
/// The system's, as text.
pub fn pin(cpu: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|error| error.to_string())
}

/// Runs `work` with the calling thread on one CPU, for what it starts to inherit.
///
/// # Errors
/// The system's, as text.
pub fn on_cpu<T>(cpu: Option<usize>, work: impl FnOnce() -> T) -> Result<T, String> {
    let Some(cpu) = cpu else {
        return Ok(work());
    };
    let text = |error: rustix::io::Errno| error.to_string();
    let before = sched_getaffinity(None).map_err(text)?;
    pin(cpu)?;
    let result = work();
    sched_setaffinity(None, &before).map_err(text)?;
    Ok(result)
}

/// Clock ticks of CPU time: 100 a second on Linux, whatever the kernel's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// Ticks in which some process of the machine, or its host, used a CPU.
    pub busy: u64,
    /// All ticks of all CPUs.
    pub total: u64,
}

/// CPU time of the whole machine so far.
pub fn machine_ticks() -> Ticks {
    let stat = read("/proc/stat");
    let first = stat.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let fields: Vec<u64> = first
        .split_whitespace()
        .skip(1)
        .take(8)
        .map(number)
        .collect();
    let total: u64 = fields.iter().sum();
    let idle: u64 = fields.iter().skip(3).take(2).sum();
    Ticks {
        busy: total - idle,
        total,
    }
}

/// CPU time of a process and all its threads so far, in ticks.
pub fn process_ticks(pid: u32) -> u64 {
    let stat = read(&format!("/proc/{pid}/stat"));
    // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(number)
        .sum()
}

/// Name and id of each thread of a process.
pub fn threads(pid: u32) -> Vec<(String, i32)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    tasks
        .flatten()
        .filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let id = task.file_name().to_str()?.parse().ok()?;
            Some((name.trim_end().to_owned(), id))
        })
        .collect()
}

/// The load average of the last minute.
pub fn load() -> f64 {
    let text = read("/proc/loadavg");
    let first = text.split_whitespace().next().unwrap_or_default();
    first.parse().unwrap_or(0.0)
}

/// CPU model, CPUs, kernel and compilers, one line each.
pub fn describe() -> Vec<String> {
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    let hypervisor = cpuinfo.lines().any(|line| line.contains(" hypervisor"));
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    vec![
        format!(
            "cpu      {}, {cpus} CPUs{}",
            model.unwrap_or("unknown"),
            if hypervisor { ", virtual" } else { "" }
        ),
        format!("kernel   {}", read("/proc/sys/kernel/osrelease").trim_end()),
        format!("rust     {}", first_line("rustc", "--version")),
        format!("go       {}", first_line("go", "version")),
    ]
}

/// First line of what a program says of itself.
pub fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = text.unwrap_or_default();
    line.lines().next().unwrap_or("not found").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_this_process_are_among_those_of_the_machine() {
        let machine = machine_ticks();
        assert!(machine.total >= machine.busy && machine.busy > 0);
        assert!(process_ticks(std::process::id()) <= machine.busy);
    }

    #[test]
    fn this_thread_is_one_of_this_process() {
        assert!(!threads(std::process::id()).is_empty());
    }
}
