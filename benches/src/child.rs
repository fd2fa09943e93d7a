//! A child process that answers lines; see [`role`](crate::role).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::machine::{on_cpu, process_ticks, threads};

/// How long a child may take for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long a thread may take to give itself a name.
const NAMED_MAX: Duration = Duration::from_secs(1);
/// How long it may take to end after its input did.
const END_MAX: Duration = Duration::from_secs(2);

/// A running child.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// Closed first at the end.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts a program, on one CPU if one is given, and waits until it is ready.
    ///
    /// # Errors
    /// Why it could not be started, or what it said instead of `ready`.
    pub fn start(command: &mut Command, cpu: Option<usize>) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut process =
            on_cpu(cpu, || command.spawn())?.map_err(|error| format!("{program}: {error}"))?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            let each = BufReader::new(stdout).lines().map_while(Result::ok);
            // The receiver goes first when the child is given up.
            let _ = each.map(|line| sender.send(line)).find(Result::is_err);
        });
        let mut child = Self {
            process,
            stdin,
            lines,
        };
        match child.answer()?.as_str() {
            "ready" => Ok(child),
            other => Err(format!("{program} says {other:?} (awaited: ready)")),
        }
    }

    /// Says a line and returns the answer.
    ///
    /// # Errors
    /// What the child says after `error: `; that it ended, or does not answer.
    pub fn ask(&mut self, line: &str) -> Result<String, String> {
        let stdin = self.stdin.as_mut().ok_or("no standard input")?;
        writeln!(stdin, "{line}").map_err(|error| error.to_string())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String, String> {
        let line = self.lines.recv_timeout(ANSWER_MAX);
        let line = line.map_err(|error| format!("no answer: {error}"))?;
        match line.strip_prefix("error: ") {
            Some(error) => Err(error.to_owned()),
            None => Ok(line),
        }
    }

    /// Keeps the threads whose name begins so on one CPU.
    ///
    /// # Errors
    /// There is none, also after a while; the system's, as text.
    pub fn pin_threads(&self, name: &str, cpu: usize) -> Result<(), String> {
        let mut set = CpuSet::new();
        set.set(cpu);
        let begin = Instant::now();
        while begin.elapsed() < NAMED_MAX {
            let threads = threads(self.pid());
            let named = threads.iter().filter(|thread| thread.0.starts_with(name));
            let mut count = 0;
            for (_, id) in named {
                sched_setaffinity(Pid::from_raw(*id), &set).map_err(|error| error.to_string())?;
                count += 1;
            }
            if count > 0 {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(format!("no thread {name}…"))
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// CPU time used so far, in ticks.
    pub fn ticks(&self) -> u64 {
        process_ticks(self.pid())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let begin = Instant::now();
        while begin.elapsed() < END_MAX {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        // Both fail only if it has ended meanwhile.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
