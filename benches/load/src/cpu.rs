//! What a process has spent on the CPU so far.

use std::fs;

#[derive(Clone, Copy, Default)]
pub struct Cpu {
    /// Nanoseconds of the first thread: where Node runs JavaScript.
    pub js: u64,
    /// Nanoseconds of all threads, ended ones too.
    pub all: u64,
    /// Both once more in ticks of 10 ms, to check the others against.
    pub js_ticks: u64,
    pub all_ticks: u64,
}

impl Cpu {
    pub fn read(pid: u32) -> Self {
        let ticks = |file: String| fs::read_to_string(file).ok().and_then(|text| stat_ticks(&text)).unwrap_or(0);
        let js_ticks = ticks(format!("/proc/{pid}/task/{pid}/stat"));
        let all_ticks = ticks(format!("/proc/{pid}/stat"));
        let schedstat = fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat")).ok();
        let js = schedstat.and_then(|text| text.split(' ').next()?.parse().ok()).filter(|&js| js > 0);
        let all = process_clock(pid);
        Self {
            js: js.unwrap_or(js_ticks * 10_000_000),
            all: all.unwrap_or(all_ticks * 10_000_000),
            js_ticks,
            all_ticks,
        }
    }
}

fn process_clock(pid: u32) -> Option<u64> {
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both pointers are to live locals of the types the calls fill.
    let read = unsafe {
        libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) == 0 && libc::clock_gettime(clock, &mut time) == 0
    };
    read.then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Fields 14 and 15 of proc(5)'s stat; the name before them may hold spaces and parentheses.
fn stat_ticks(text: &str) -> Option<u64> {
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_a_stat_line() {
        assert_eq!(stat_ticks("7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0"), Some(42));
        assert_eq!(stat_ticks("nothing"), None);
    }
}
