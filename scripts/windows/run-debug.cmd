@echo off
rem Starts LlamaGate with its detailed log.
setlocal
set DEBUG=true
call "%~dp0run.cmd" %*
exit /b %errorlevel%
