@echo off
rem What LlamaGate costs on this machine, measured beside nginx. See docs\performance.md.
echo The rig counts CPU time in /proc and waits with epoll: it runs on Linux. In WSL, from this folder:
echo   sudo apt-get install -y nginx-light gcc
echo   scripts/unix/bench.sh
exit /b 1
