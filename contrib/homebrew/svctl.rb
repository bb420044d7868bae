# Never run. On macOS, svctl drives the embedded supervisor and suites that are installed by hand.
class Svctl < Formula
  desc "Control services under runit, s6, daemontools and systemd"
  homepage "REPOSITORY"
  url "REPOSITORY/archive/v0.1.0.tar.gz"
  sha256 "SUM"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/svctl")
    man1.install Dir["docs/man/*.1"]
    man5.install Dir["docs/man/*.5"]
    man7.install Dir["docs/man/*.7"]
    generate_completions_from_executable(bin/"svctl", "completions")
  end

  test do
    (testpath/"svcmgr.toml").write <<~TOML
      [service.job]
      kind = "job"
      exec = ["/usr/bin/true"]
    TOML
    system bin/"svctl", "dev", "-f", testpath/"svcmgr.toml", "--exit-with", "job"
  end
end
